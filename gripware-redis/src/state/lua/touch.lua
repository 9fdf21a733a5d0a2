-- ARGV from 6: ttl, then channels and connections
-- Returns the indexes of those that are not there, from 0.
local unknown = {}
for i = 7, #ARGV, 2 do
  local channel, connection = ARGV[i], ARGV[i + 1]
  local member = 'm\n' .. channel .. '\n' .. connection
  if redis.call('ZSCORE', DUE, member) then
    redis.call('ZADD', DUE, NOW + tonumber(ARGV[6]), member)
  elseif redis.call('HEXISTS', members_key(channel), connection) == 0 then
    unknown[#unknown + 1] = (i - 7) / 2
  end
end
return unknown
