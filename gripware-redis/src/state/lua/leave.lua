-- ARGV from 6: channel, connection
-- Returns whether the user has no connection any more, and what was appended.
local channel, connection = ARGV[6], ARGV[7]
local held = redis.call('HGET', members_key(channel), connection)
if not held then
  return {0, TOLD}
end
local lease, user = split(held)
release(channel, connection, lease)
return {drop(channel, connection, user), TOLD}
