-- Records. KEYS: record, expiries of its kind, versions; ARGV: what is to be done, then its
-- arguments.
local RECORD, EXPIRIES, VERSIONS = KEYS[1], KEYS[2], KEYS[3]
local DAY = 86400000
local time = redis.call('TIME')
local NOW = time[1] * 1000 + math.floor(time[2] / 1000)

-- The version of the record, and its value; nil where there is none or it has expired.
local function live()
  local held = redis.call('HMGET', RECORD, 'n', 'v', 'e')
  if held[1] and (held[3] == '' or tonumber(held[3]) > NOW) then
    return held[1], held[2]
  end
end

local function is_expected(expected, version)
  if expected == 'any' then
    return true
  elseif expected == 'absent' then
    return not version
  end
  return expected == version
end

local function expire(key, ttl)
  if ttl == '' then
    redis.call('HSET', RECORD, 'e', '')
    redis.call('ZREM', EXPIRIES, key)
    redis.call('PERSIST', RECORD)
  else
    local e = NOW + tonumber(ttl)
    redis.call('HSET', RECORD, 'e', string.format('%.0f', e))
    redis.call('ZADD', EXPIRIES, e, key)
    -- Where nobody takes them.
    redis.call('PEXPIREAT', RECORD, string.format('%.0f', e + DAY))
    redis.call('ZREMRANGEBYSCORE', EXPIRIES, '-inf', string.format('%.0f', NOW - DAY))
    local last = redis.call('ZRANGE', EXPIRIES, -1, -1, 'WITHSCORES')[2]
    redis.call('PEXPIREAT', EXPIRIES, string.format('%.0f', tonumber(last) + DAY))
  end
end

local what = ARGV[1]
if what == 'get' then
  local version, value = live()
  return version and {version, value} or false
elseif what == 'put' then
  -- key, what is expected, value, ttl
  if not is_expected(ARGV[3], (live())) then
    return false
  end
  -- Where the numbers are lost they go on beyond all that were given out.
  redis.call('SET', VERSIONS, string.format('%.0f', NOW * 1000), 'NX')
  local version = redis.call('INCR', VERSIONS)
  redis.call('HSET', RECORD, 'n', string.format('%.0f', version), 'v', ARGV[4])
  expire(ARGV[2], ARGV[5])
  return string.format('%.0f', version)
elseif what == 'remove' then
  -- key, what is expected
  local version = live()
  if not version or not is_expected(ARGV[3], version) then
    return 0
  end
  redis.call('DEL', RECORD)
  redis.call('ZREM', EXPIRIES, ARGV[2])
  return 1
elseif what == 'touch' then
  -- key, ttl
  if not live() then
    return 0
  end
  expire(ARGV[2], ARGV[3])
  return 1
end

-- take: what records' keys begin with, most
local taken = {}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', EXPIRIES, '-inf', NOW, 'LIMIT', 0, ARGV[3])) do
  local record = ARGV[2] .. key
  local held = redis.call('HMGET', record, 'n', 'v')
  redis.call('ZREM', EXPIRIES, key)
  redis.call('DEL', record)
  if held[1] then
    taken[#taken + 1] = {key, held[1], held[2]}
  end
end
return taken
