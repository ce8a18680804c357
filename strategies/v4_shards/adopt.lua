-- adopt.lua: brings a shard up to what shard 0 says of the sale.
--
-- KEYS  1 sale
--       2 buyers  emptied by a new epoch
--       3 manifest of the store, only where ARGV 11 is not ""
-- ARGV  1 epoch   2 fence, the version of what follows
--       3 units   dealt to this shard in this epoch
--       4 per_buyer   5 per_order   6 opens   7 closes   8 state   9 shards
--       10 data   whose shard it is, in which layout and of how many: see decide.lua
--       11 manifest  that the store must have, so that a shard may be dealt to it; see change.lua
--       12 reset  "1": the caller begins this epoch; its store may have lost the manifest
-- Returns  1 when the shard was behind, else 0, also when its sale is being moved, or when shard or store
--          are not the caller's
-- Cost     1 or 2 reads, 1 to 4 writes

local own = redis.call('HMGET', KEYS[1], 'epoch', 'fence', 'seq', 'moves', 'frozen', 'data')
local epoch, fence = tonumber(own[1]) or 0, tonumber(own[2]) or 0
local new_epoch, new_fence = tonumber(ARGV[1]), tonumber(ARGV[2])
if string.match(own[5] or '', '^moved|') then
    return 0
end
if own[6] and own[6] ~= ARGV[10] then
    return 0
end
if epoch > new_epoch or (epoch == new_epoch and fence >= new_fence) then
    return 0
end
local used, is_claim = ARGV[11], false
if epoch < new_epoch then
    local found = used == '' and used or redis.call('GET', KEYS[3])
    is_claim = found == used .. ' (unused)' or (found == false and ARGV[12] == '1')
    if found ~= used and not is_claim then
        return 0
    end
    need('UNLINK', KEYS[2], 'HDEL', KEYS[1])
    if is_claim then
        need('SET', KEYS[3])
    end
end
will_write('HSET', KEYS[1])
local set = {'fence', ARGV[2], 'per_buyer', ARGV[4], 'per_order', ARGV[5], 'opens', ARGV[6],
    'closes', ARGV[7], 'state', ARGV[8], 'shards', ARGV[9], 'moves', (tonumber(own[4]) or 0) + 1}
if epoch < new_epoch then
    if is_claim then
        redis.call('SET', KEYS[3], used)
    end
    set[#set + 1] = 'data'
    set[#set + 1] = ARGV[10]
    for _, text in ipairs({'epoch', ARGV[1], 'seq', own[3] or '0', 'initial', ARGV[3],
        'restocked', '0', 'left', ARGV[3], 'sold', '0', 'buyers', '0'}) do
        set[#set + 1] = text
    end
    redis.call('UNLINK', KEYS[2])
    redis.call('HDEL', KEYS[1], 'frozen')
end
redis.call('HSET', KEYS[1], unpack(set))
return 1
