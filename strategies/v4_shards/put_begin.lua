-- put_begin.lua, put_end.lua: around decide.lua.  Credits a transfer to this shard, once, and decides
-- the purchases that it is for in the same step.
--
-- KEYS, ARGV  as decide.lua; ARGV 8: "|from|epoch|number|units" of the transfer behind what decide.lua
--          finds there
-- Returns  {what decide.lua returns, how, first, last, moves, left}
--          how: 0 not credited: another epoch, or frozen; 1 credited now; 2 credited before, and
--          the last from there; 3 credited before that
--          first, last: the records made with it have a sequence above first, up to last.  0 where
--          how is 0 or 3
--          moves, left: of the shard, before the purchases; 0 where how is 0
-- Cost     1 read and 1 write more than decide.lua; one write more where a purchase was not sold
--
-- A number that leaves one out means that this shard has lost a transfer it had: it freezes.

local from, of_epoch, number, units =
    string.match(ARGV[8], '^|%d+|%d+|%d+|(%d+)|(%d+)|(%d+)|(%d+)$')
local into = 'in:' .. from

local function remember(first, last)
    return of_epoch .. '|' .. number .. '|' .. first .. '|' .. last
end

local function credit()
    local shard = redis.call('HMGET', KEYS[1], 'epoch', 'left', 'frozen', 'moves', 'seq', into,
        'data')
    local data = string.match(ARGV[2], '^%d+|%d*|(.*)$') or ''
    if shard[1] ~= of_epoch or shard[3] or (shard[7] and shard[7] ~= data) then
        return 0, 0, 0, 0, 0
    end
    local left, moves, seq = tonumber(shard[2]), tonumber(shard[4]) or 0, tonumber(shard[5])
    local last_epoch, last_number, first, last =
        string.match(shard[6] or '', '^(%d+)|(%d+)|(%d+)|(%d+)$')
    local ahead = tonumber(number) - (last_epoch == of_epoch and last_number or 0)
    if ahead < 0 then
        return 3, 0, 0, moves, left
    elseif ahead == 0 then
        return 2, tonumber(first), tonumber(last), moves, left
    elseif ahead > 1 then
        local clock = redis.call('TIME')
        redis.call('HSET', KEYS[1], 'frozen',
            'behind@' .. string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)))
        return 0, 0, 0, 0, 0
    end
    -- All that the decision behind the credit needs, too.
    need('HMGET', KEYS[1], 'HMGET', KEYS[2], 'HMGET', KEYS[3], 'HLEN', KEYS[3], 'XLEN', KEYS[4], 'TIME', '',
        'HSET', KEYS[2], 'HSET', KEYS[3], 'XADD', KEYS[4])
    if ARGV[4] ~= '' then
        need('HMGET', KEYS[5], 'HSET', KEYS[5])
    end
    will_write('HSET', KEYS[1])
    left, moves, last = left + units, moves + 1, seq + (#ARGV - 8) / 3
    redis.call('HSET', KEYS[1], 'left', left, into, remember(seq, last), 'moves', moves)
    return 1, seq, last, moves, left
end

local how, first, last, moves, left = credit()

local function decide()
