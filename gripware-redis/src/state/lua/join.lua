-- ARGV from 6: channel, connection, user, info ('' is none), lease ('' is one of its own), ttl
-- Returns whether the user is new and what was appended; nil where the lease is lost.
local channel, connection, user, info = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local lease = ARGV[10]
if lease ~= '' and not redis.call('ZSCORE', LEASES, lease) then
  return false
end
local known = false
local held = redis.call('HGET', members_key(channel), connection)
if held then
  local old_lease, old_user = split(held)
  release(channel, connection, old_lease)
  if old_user == user then
    known = true
  else
    drop(channel, connection, old_user)
  end
end
redis.call('HSET', members_key(channel), connection, lease .. '\n' .. user)
if lease == '' then
  redis.call('ZADD', DUE, NOW + tonumber(ARGV[11]), 'm\n' .. channel .. '\n' .. connection)
else
  redis.call('SADD', BASE .. 'lease:' .. lease, channel .. '\n' .. connection)
end

local first = 0
local entry = redis.call('HGET', users_key(channel), user)
if entry then
  local count, old_info = split(entry)
  count = tonumber(count)
  if info == '' then
    info = old_info
  end
  if not known then
    if count == 0 then
      redis.call('ZREM', DUE, 'u\n' .. channel .. '\n' .. user)
    end
    count = count + 1
  end
  redis.call('HSET', users_key(channel), user, number(count) .. '\n' .. info)
else
  first = 1
  redis.call('HSET', users_key(channel), user, '1\n' .. info)
  if users(channel) <= MAX_ANNOUNCED then
    local told = ',"user":' .. cjson.encode(user)
    if info ~= '' then
      told = told .. ',"info":' .. info
    end
    tell(channel, 'join', told)
  else
    tell_count(channel)
  end
end
return {first, TOLD}
