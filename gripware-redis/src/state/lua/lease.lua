-- ARGV from 6: lease, ttl, and `open`, `renew` or `end`
-- Returns 1, or 0 where the lease is lost.
local lease, what = ARGV[6], ARGV[8]
if what ~= 'open' and not redis.call('ZSCORE', LEASES, lease) then
  return 0
end
redis.call('ZADD', LEASES, what == 'end' and NOW or NOW + tonumber(ARGV[7]), lease)
return 1
