-- KEYS: position, entries, and as ARGV says the result of the idempotency key, and the relay's stream
-- ARGV: new epoch, size, ttl, position ttl, whether there is a key, whether the item is relayed (1),
-- parts of the entry (a count, then each), and of the item to relay.
-- Returns the id, and 1 for a duplicate.
local has_key, is_relayed = ARGV[5] == '1', ARGV[6] == '1'
local epoch = position(KEYS[1])
if has_key then
  local known = redis.call('GET', KEYS[3])
  if known and epoch and string.sub(known, 1, #epoch + 1) == epoch .. '.' then
    return {known, 1}
  end
end

local at = 7
local function filled(id, previous)
  local count = tonumber(ARGV[at])
  local rest = {}
  for i = at + 3, at + count do
    rest[#rest + 1] = ARGV[i]
  end
  local json = ARGV[at + 1] .. id .. ARGV[at + 2] .. previous .. table.concat(rest, id)
  at = at + count + 1
  return json
end

local id, previous = next_id(KEYS[1], KEYS[2], ARGV[1])
push(KEYS[1], KEYS[2], id, filled(id, previous), ARGV[2], ARGV[3], ARGV[4])
if has_key then
  redis.call('SET', KEYS[3], id, 'PX', ARGV[3])
end
if is_relayed then
  relay(KEYS[#KEYS], filled(id, previous))
end
return {id, 0}
