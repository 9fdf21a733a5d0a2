-- A channel's position and entries. In front of every script that appends.

local function number(n)
  return string.format('%.0f', n)
end

-- The epoch and the number of the last entry; nil and 0 where there is none.
local function position(key)
  local at = redis.call('GET', key)
  local epoch, n = string.match(at or '', '^(%w+)%.(%d+)$')
  return epoch, tonumber(n or 0)
end

-- The id of the next entry and that of the one before it. Entries without a position are of a life
-- whose numbers are lost.
local function next_id(position_key, entries_key, new_epoch)
  local epoch, n = position(position_key)
  if not epoch then
    redis.call('DEL', entries_key)
    epoch = new_epoch
  end
  local previous = n > 0 and (epoch .. '.' .. number(n)) or '0'
  return epoch .. '.' .. number(n + 1), previous
end

local function push(position_key, entries_key, id, json, size, ttl, position_ttl)
  redis.call('SET', position_key, id, 'PX', position_ttl)
  redis.call('RPUSH', entries_key, json)
  redis.call('LTRIM', entries_key, -size, -1)
  redis.call('PEXPIRE', entries_key, ttl)
end

-- Hands an item to all nodes.
local function relay(stream, json)
  redis.call('XADD', stream, 'MAXLEN', '~', 100000, '*', 'd', json)
end
