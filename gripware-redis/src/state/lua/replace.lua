-- KEYS: position, entries, the key's result
-- ARGV: epoch and number of the entry ('' where it is found by its key), then the parts of the new
-- entry; none removes it.
-- Returns the id, or nil.
local epoch, last = position(KEYS[1])
local named, n = ARGV[1], tonumber(ARGV[2])
if not epoch then
  return false
end
if named ~= epoch then
  local known = redis.call('GET', KEYS[3])
  named, n = string.match(known or '', '^(%w+)%.(%d+)$')
  n = tonumber(n)
  if named ~= epoch then
    return false
  end
end
local index = n - last - 1
if index >= 0 or -index > redis.call('LLEN', KEYS[2]) then
  return false
end
-- A removed entry stays removed.
if redis.call('LINDEX', KEYS[2], index) == '' then
  return false
end
local id = epoch .. '.' .. number(n)
local json = ''
if #ARGV > 2 then
  local previous = n > 1 and (epoch .. '.' .. number(n - 1)) or '0'
  json = ARGV[3] .. id .. ARGV[4] .. previous .. table.concat(ARGV, id, 5)
end
redis.call('LSET', KEYS[2], index, json)
return id
