-- ARGV from 6: channel
-- Returns the number of users, and that of their connections.
return {users(ARGV[6]), redis.call('HLEN', members_key(ARGV[6]))}
