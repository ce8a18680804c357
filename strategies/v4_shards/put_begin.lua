-- put_begin.lua, put_end.lua: around decide.lua.  Credits a transfer to this shard, once, and decides
-- the purchases that it is for in the same step.
--
-- KEYS, ARGV  as decide.lua; ARGV 8: "from|epoch|number|units" of the transfer
-- Returns  {what decide.lua returns, how, seq}
--          how: 0 not credited: another epoch, or frozen; 1 credited now; 2 credited before, and
--          the last from there; 3 credited before that
--          seq: of the sale when it was credited; the decisions made with it come right after it.
--          0 where how is 0 or 3
-- Cost     1 read and 1 write more than decide.lua
--
-- A number that leaves one out means that this shard has lost a transfer it had: it freezes.

local function credit()
    local from, epoch, number, units = string.match(ARGV[8], '^(%d+)|(%d+)|(%d+)|(%d+)$')
    local into = 'in:' .. from
    local shard = redis.call('HMGET', KEYS[1], 'epoch', 'left', 'frozen', 'moves', 'seq', into)
    if shard[1] ~= epoch or shard[3] then
        return 0, 0
    end
    local of_epoch, last, seq = string.match(shard[6] or '', '^(%d+)|(%d+)|(%d+)$')
    local ahead = tonumber(number) - (of_epoch == epoch and last or 0)
    if ahead < 0 then
        return 3, 0
    elseif ahead == 0 then
        return 2, tonumber(seq)
    elseif ahead > 1 then
        redis.call('HSET', KEYS[1], 'frozen', 'behind')
        return 0, 0
    end
    redis.call('HSET', KEYS[1], 'left', tonumber(shard[2]) + units,
        into, epoch .. '|' .. number .. '|' .. shard[5], 'moves', (tonumber(shard[4]) or 0) + 1)
    return 1, tonumber(shard[5])
end

local how, credited_seq = credit()

local function decide()
