-- KEYS: position, entries
-- ARGV: epoch and number of the cursor, most entries, most bytes.
-- Returns the position, the number of the first entry, the number that is reached, and the entries.
local epoch, last = position(KEYS[1])
if not epoch then
  return {'0', '1', '0', {}}
end
local length = redis.call('LLEN', KEYS[2])
local first = last - length + 1
local after = tonumber(ARGV[2])
if ARGV[1] ~= epoch or after > last then
  after = 0
end

local reached = math.max(after, first - 1)
local index = reached - first + 1
local most, most_bytes = tonumber(ARGV[3]), tonumber(ARGV[4])
local entries, bytes, is_full = {}, 0, false
while index < length and not is_full do
  -- A few at a time: one may be large, and not all may be wanted.
  for _, json in ipairs(redis.call('LRANGE', KEYS[2], index, index + 15)) do
    if json ~= '' then
      bytes = bytes + #json
      if #entries == most or (bytes > most_bytes and #entries > 0) then
        is_full = true
        break
      end
      entries[#entries + 1] = json
    end
    reached = reached + 1
  end
  index = index + 16
end
return {epoch .. '.' .. number(last), number(first), number(reached), entries}
