-- mark.lua: closes a shard whose sale is being moved to other shards.
--
-- KEYS     1 sale   2 orders   3 buyers   4 changes
-- ARGV     1 verb, 2 number, then what it needs:
--            mark    epoch, fence, seq, order, data  for the move of this number: nothing changes the shard
--                    from here on.  Only a closed shard with this epoch and version, frozen for no
--                    other reason.  Without its witness, seq and order, see decide.lua, it freezes
--            unmark  data          any mark up to number is taken away
--            clear   seconds, data  removes the keys, but leaves the mark for so long; 0: for ever
--          data: whose shard it is, see decide.lua; another one's is left alone
-- Returns  {1, orders, buyers, changes} when it did, else {0, 0, 0, 0}; counts of a mark alone
-- Fields   frozen of the sale is "moved|number"
-- Cost     2 to 6 reads, 1 to 3 writes

local verb, number = ARGV[1], tonumber(ARGV[2])
local own = redis.call('HGET', KEYS[1], 'data')
if own and own ~= ARGV[#ARGV] then
    return {0, 0, 0, 0}
end
if verb == 'clear' then
    will_write('UNLINK', KEYS[1], 'UNLINK', KEYS[2], 'UNLINK', KEYS[3], 'UNLINK', KEYS[4], 'HSET', KEYS[1],
        'EXPIRE', KEYS[1])
    redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
    redis.call('HSET', KEYS[1], 'frozen', 'moved|' .. ARGV[2])
    if ARGV[3] ~= '0' then
        redis.call('EXPIRE', KEYS[1], ARGV[3])
    end
    return {1, 0, 0, 0}
end

local shard = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'frozen', 'fence', 'moves')
local moves = (tonumber(shard[5]) or 0) + 1
local marked = shard[3] and tonumber(string.match(shard[3], '^moved|(%d+)$'))
if verb == 'unmark' then
    if not shard[1] or not marked or marked > number then
        return {0, 0, 0, 0}
    end
    will_write('HDEL', KEYS[1], 'HSET', KEYS[1])
    redis.call('HDEL', KEYS[1], 'frozen')
    redis.call('HSET', KEYS[1], 'moves', moves)
    return {1, 0, 0, 0}
end
if shard[1] ~= ARGV[3] or shard[2] ~= '3' or (shard[4] or '0') ~= ARGV[4] or
    (shard[3] and (not marked or marked > number)) then
    return {0, 0, 0, 0}
end
if not has_witness(KEYS[2], ARGV[5], ARGV[6]) then
    local clock = redis.call('TIME')
    redis.call('HSET', KEYS[1], 'frozen',
        'behind@' .. string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)))
    return {0, 0, 0, 0}
end
local orders, buyers, changes =
    redis.call('HLEN', KEYS[2]), redis.call('HLEN', KEYS[3]), redis.call('HLEN', KEYS[4])
redis.call('HSET', KEYS[1], 'frozen', 'moved|' .. ARGV[2], 'moves', moves)
return {1, orders, buyers, changes}
