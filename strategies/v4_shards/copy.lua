-- copy.lua: fields of a hash to the shard where they belong from now on.
--
-- KEYS     1 sale   2 orders, buyers or changes
-- ARGV     1 number of the move, "|" and data: whose shards they are   2 epoch, with orders: the units sold in it are added up; else ""
--          then fields and values
-- Returns  1; 0: this shard is not being built by this move, nothing was written
-- Cost     1 read, 1 write a field, 1 more.  Doing it twice changes nothing.

if redis.call('HGET', KEYS[1], 'frozen') ~= 'building|' .. ARGV[1] then
    return 0
end
will_write('HSET', KEYS[2], 'HINCRBY', KEYS[1])
local epoch, sold = ARGV[2], 0
for i = 3, #ARGV, 2 do
    local is_new = redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) == 1
    if is_new and epoch ~= '' then
        local units, of_epoch = string.match(ARGV[i + 1], '^S|(%d+)|(%d+)|')
        if of_epoch == epoch then
            sold = sold + units
        end
    end
end
if sold > 0 then
    redis.call('HINCRBY', KEYS[1], 'sold', sold)
end
return 1
