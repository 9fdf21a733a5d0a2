-- ARGV from 6: channel, cursor, about how many
-- Returns the position of the channel's presence, the next cursor, and users with their entries.
local channel = ARGV[6]
local at = redis.call('GET', BASE .. 'h:{' .. channel .. ':presence}')
local page = redis.call('HSCAN', users_key(channel), ARGV[7], 'COUNT', ARGV[8])
return {at or '0', page[1], page[2]}
