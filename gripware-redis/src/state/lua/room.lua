-- Who is in a channel. In front of every script of presence, after log.lua.
-- ARGV: what keys begin with, grace, new epoch, prefix of channels, relay stream ('' is none).

local BASE, GRACE, EPOCH = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local PREFIX, STREAM = ARGV[4], ARGV[5]
local DUE, LEASES, DEAD = BASE .. 'due', BASE .. 'leases', BASE .. 'dead'
local MAX_ANNOUNCED, COUNT_INTERVAL = 1000, 1000
local SIZE, TTL, POSITION_TTL = 100, 300000, 2592000000

-- The engine's clock: those of the nodes may differ.
local time = redis.call('TIME')
local NOW = time[1] * 1000 + math.floor(time[2] / 1000)

-- What was appended: channel, item, channel, item.
local TOLD = {}

local function split(text)
  local at = string.find(text, '\n', 1, true)
  return string.sub(text, 1, at - 1), string.sub(text, at + 1)
end

local function members_key(channel) return BASE .. 'm:{' .. channel .. '}' end
local function users_key(channel) return BASE .. 'u:{' .. channel .. '}' end

-- Appends an event to the history of the channel's presence. `body` is what its JSON has after the
-- channel.
local function tell(channel, name, body)
  local room = channel .. ':presence'
  local at, entries = BASE .. 'h:{' .. room .. '}', BASE .. 'l:{' .. room .. '}'
  local id, previous = next_id(at, entries, EPOCH)
  local text = '{"type":"' .. name .. '","channel":' .. cjson.encode(channel) .. body
    .. ',"id":"' .. id .. '"}'
  local event = 'event: ' .. name .. '\nid: ' .. id .. '\ndata: ' .. text .. '\n\n'
  local rest = ',"id":"' .. id .. '","prev-id":"' .. previous
    .. '","formats":{"http-stream":{"content":' .. cjson.encode(event)
    .. '},"ws-message":{"content":' .. cjson.encode(text) .. '}}}'
  local json = '{"channel":' .. cjson.encode(room) .. rest
  push(at, entries, id, json, SIZE, TTL, POSITION_TTL)
  if STREAM ~= '' then
    relay(STREAM, '{"channel":' .. cjson.encode(PREFIX .. room) .. rest)
  end
  TOLD[#TOLD + 1] = room
  TOLD[#TOLD + 1] = json
end

local function users(channel) return redis.call('HLEN', users_key(channel)) end

-- Tells how many there are, now or when that is due.
local function tell_count(channel)
  local key = BASE .. 'n:{' .. channel .. '}'
  if redis.call('SET', key, '1', 'PX', COUNT_INTERVAL, 'NX') then
    local connections = redis.call('HLEN', members_key(channel))
    tell(channel, 'count', ',"users":' .. number(users(channel))
      .. ',"connections":' .. number(connections))
  else
    local due = NOW + math.max(redis.call('PTTL', key), 1)
    redis.call('ZADD', DUE, 'NX', due, 'n\n' .. channel)
  end
end

-- Removes a user who has no connection.
local function remove(channel, user)
  redis.call('HDEL', users_key(channel), user)
  if users(channel) < MAX_ANNOUNCED then
    tell(channel, 'leave', ',"user":' .. cjson.encode(user))
  else
    tell_count(channel)
  end
end

-- Takes a connection from under its lease.
local function release(channel, connection, lease)
  if lease == '' then
    redis.call('ZREM', DUE, 'm\n' .. channel .. '\n' .. connection)
  else
    redis.call('SREM', BASE .. 'lease:' .. lease, channel .. '\n' .. connection)
  end
end

-- Removes a connection. Returns 1 if it was its user's last.
local function drop(channel, connection, user)
  redis.call('HDEL', members_key(channel), connection)
  local entry = redis.call('HGET', users_key(channel), user)
  if not entry then
    return 0
  end
  local count, info = split(entry)
  count = math.max(tonumber(count) - 1, 0)
  redis.call('HSET', users_key(channel), user, number(count) .. '\n' .. info)
  if count > 0 then
    return 0
  end
  if GRACE == 0 then
    remove(channel, user)
  else
    redis.call('ZADD', DUE, NOW + GRACE, 'u\n' .. channel .. '\n' .. user)
  end
  return 1
end
