-- adopt.lua: brings a shard up to what shard 0 says of the sale.
--
-- KEYS  1 sale
--       2 buyers  emptied by a new epoch
-- ARGV  1 epoch   2 fence, the version of what follows
--       3 units   dealt to this shard in this epoch
--       4 per_buyer   5 per_order   6 opens   7 closes   8 state   9 shards
-- Returns  1 when the shard was behind, else 0, also when its sale is being moved
-- Cost     1 read, 1 to 3 writes

local own = redis.call('HMGET', KEYS[1], 'epoch', 'fence', 'seq', 'moves', 'frozen')
local epoch, fence = tonumber(own[1]) or 0, tonumber(own[2]) or 0
local new_epoch, new_fence = tonumber(ARGV[1]), tonumber(ARGV[2])
if string.match(own[5] or '', '^moved|') then
    return 0
end
if epoch > new_epoch or (epoch == new_epoch and fence >= new_fence) then
    return 0
end
if epoch < new_epoch then
    need('UNLINK', KEYS[2], 'HDEL', KEYS[1])
end
will_write('HSET', KEYS[1])
local set = {'fence', ARGV[2], 'per_buyer', ARGV[4], 'per_order', ARGV[5], 'opens', ARGV[6],
    'closes', ARGV[7], 'state', ARGV[8], 'shards', ARGV[9], 'moves', (tonumber(own[4]) or 0) + 1}
if epoch < new_epoch then
    for _, text in ipairs({'epoch', ARGV[1], 'seq', own[3] or '0', 'initial', ARGV[3],
        'restocked', '0', 'left', ARGV[3], 'sold', '0', 'buyers', '0'}) do
        set[#set + 1] = text
    end
    redis.call('UNLINK', KEYS[2])
    redis.call('HDEL', KEYS[1], 'frozen')
end
redis.call('HSET', KEYS[1], unpack(set))
return 1
