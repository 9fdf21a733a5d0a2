-- ARGV from 6: about how many
-- Returns how many were due, and what was appended.
local limit, due = tonumber(ARGV[6]), 0
for _, lease in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', NOW, 'LIMIT', 0, 16)) do
  redis.call('ZREM', LEASES, lease)
  redis.call('SADD', DEAD, lease)
end

while due < limit do
  local lease = redis.call('SRANDMEMBER', DEAD)
  if not lease then
    break
  end
  local some = redis.call('SPOP', BASE .. 'lease:' .. lease, limit - due)
  if #some == 0 then
    redis.call('SREM', DEAD, lease)
  end
  for _, member in ipairs(some) do
    due = due + 1
    local channel, connection = split(member)
    local held = redis.call('HGET', members_key(channel), connection)
    if held then
      local now_under, user = split(held)
      -- It may have joined again under another lease.
      if now_under == lease then
        drop(channel, connection, user)
      end
    end
  end
end

if due < limit then
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', NOW, 'LIMIT', 0, limit - due)) do
    due = due + 1
    redis.call('ZREM', DUE, member)
    local kind, rest = split(member)
    if kind == 'n' then
      tell_count(rest)
    else
      local channel, name = split(rest)
      if kind == 'm' then
        local held = redis.call('HGET', members_key(channel), name)
        local lease, user = split(held or '\n')
        if held and lease == '' then
          drop(channel, name, user)
        end
      else
        local entry = redis.call('HGET', users_key(channel), name)
        if entry and split(entry) == '0' then
          remove(channel, name)
        end
      end
    end
  end
end
return {due, TOLD}
