-- KEYS: position, entries
-- ARGV: new epoch, position ttl
-- Returns the id of the first entry of the new epoch, which is one that is removed.
local id = ARGV[1] .. '.1'
redis.call('DEL', KEYS[2])
push(KEYS[1], KEYS[2], id, '', 1, ARGV[2], ARGV[2])
return id
