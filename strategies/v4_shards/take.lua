-- take.lua: takes units out of a shard, for purchases at another shard or for the joint shard.
--
-- KEYS  1 sale   2 orders
-- ARGV  1 epoch     of the sale, as the caller knows it
--       2 to        the shard they go to
--       3 more      units that may be taken besides, from a shard that has plenty
--       4 deadline  Unix ms by the clock of the destination, past which it decides no purchase
--                   of the transfer; 0: none
--       5 moves    of the shard in that epoch, as the caller knows it: with fewer it has lost some,
--                  and freezes.  Behind "|": whose shard it is, see decide.lua
--       6 seq   7 order   its witness in that epoch, see decide.lua: without it, it freezes, too
--       then for each purchase: order, buyer, units; none: a sweep of all units
-- Returns  {code, transfer, seq, moves, left}: 1 and the transfer made; 0 and the one that is pending,
--          nothing was taken; 2 and "": another epoch, or frozen; 3 and "": there are fewer units.
--          seq, moves, left: of the shard now; 0 but where the code is 1
-- Fields of the sale: moves      raised by each step that changes a shard and makes no record
--                     out:<to>   the last transfer: "epoch|number|pending|units|deadline|", then
--                                order, buyer, units of each purchase, each ended by a NUL
--                     in:<from>  "epoch|number|first|last" of the last transfer that was put, see
--                                put_begin.lua
-- Cost     2 reads, 1 write.  A purchase that cannot be paid is left out, and those behind it tried.

local out = 'out:' .. ARGV[2]
local shard = redis.call('HMGET', KEYS[1], 'epoch', 'left', 'frozen', 'moves', out, 'seq',
    'data')
local known_moves, data = string.match(ARGV[5], '^(%d+)|?(.*)$')
if shard[1] ~= ARGV[1] or shard[3] or (shard[7] and shard[7] ~= data) then
    return {2, '', 0, 0, 0}
end
if (tonumber(shard[4]) or 0) < tonumber(known_moves) or not has_witness(KEYS[2], ARGV[6], ARGV[7]) then
    local clock = redis.call('TIME')
    redis.call('HSET', KEYS[1], 'frozen',
        'behind@' .. string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)))
    return {2, '', 0, 0, 0}
end
local epoch, number, pending = string.match(shard[5] or '', '^(%d+)|(%d+)|(%d)|')
if epoch ~= ARGV[1] then
    number, pending = 0, '0'
end
if pending == '1' then
    return {0, shard[5], 0, 0, 0}
end

local left, units, named = tonumber(shard[2]), 0, {}
if #ARGV == 7 then
    units = left
end
for i = 8, #ARGV, 3 do
    local asked = tonumber(ARGV[i + 2])
    if units + asked <= left then
        units = units + asked
        named[#named + 1] = ARGV[i] .. '\0' .. ARGV[i + 1] .. '\0' .. ARGV[i + 2] .. '\0'
    end
end
if units == 0 then
    return {3, '', 0, 0, 0}
end
if #ARGV > 7 then
    units = units + math.min(tonumber(ARGV[3]), math.floor((left - units) / 2))
end
local transfer = ARGV[1] .. '|' .. (number + 1) .. '|1|' .. units .. '|' .. ARGV[4] .. '|' ..
    table.concat(named)
local moves = (tonumber(shard[4]) or 0) + 1
redis.call('HSET', KEYS[1], 'left', left - units, out, transfer, 'moves', moves)
return {1, transfer, tonumber(shard[6]), moves, left - units}
