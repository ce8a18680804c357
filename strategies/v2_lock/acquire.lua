-- acquire.lua: takes the lock of a sale, or finds who has it.
--
-- KEYS     1 sale   hash, for its field "fence"
--          2 lock   string: the holder's token; its time to live is the lease
-- ARGV     1 token  of who asks: 32 hexadecimal digits
--          2 lease  ms
-- Returns  {1, fence, 0}: taken.  {0, ms until the lease of the holder ends, units left}: it is not free
-- Cost     1 to 3 reads, 2 writes
--
-- Asking again with the same token takes it again, with a new fence: so that an answer that was lost
-- does not lock the sale for the length of a lease.  A product without a sale has fence 0: names that
-- nobody sells leave nothing behind but a lock that ends by itself.

will_write('SET', KEYS[2], 'PEXPIRE', KEYS[2], 'PTTL', KEYS[2], 'HGET', KEYS[1], 'EXISTS', KEYS[1],
    'HINCRBY', KEYS[1], 'GET', KEYS[2])
if redis.call('GET', KEYS[2]) == ARGV[1] then
    redis.call('PEXPIRE', KEYS[2], ARGV[2])
elseif not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
    return {0, redis.call('PTTL', KEYS[2]), tonumber(redis.call('HGET', KEYS[1], 'left')) or 0}
end
if redis.call('EXISTS', KEYS[1]) == 0 then
    return {1, 0, 0}
end
return {1, redis.call('HINCRBY', KEYS[1], 'fence', 1), 0}
