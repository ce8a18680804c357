-- apply.lua: writes one decision that the holder of the lock made from what it had read; after
-- fence.lua.  The write step of "mode: textbook".
--
-- KEYS     1 sale 2 orders 3 buyers 4 log 5 claims, only where ARGV 4 names the product; last: lock
-- ARGV     1 to 3 not used   4 product or ""   5 log_max   6, 7 not used   8 owner
--          9 order   10 record   11 buyer   12 units taken, negative when given back
--          13 seq    14 units left after it
-- Returns  {1}; {-1} when the caller does not hold the lock any more
-- Cost     2 reads, 5 or 6 writes

if not is_holder then
    return {-1}
end
if ARGV[4] ~= '' then
    need('HSET', KEYS[5])
end
will_write('HSET', KEYS[2], 'HINCRBY', KEYS[3], 'HLEN', KEYS[3], 'XADD', KEYS[4], 'HINCRBY', KEYS[1], 'HSET', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[9], ARGV[10])
redis.call('HINCRBY', KEYS[3], ARGV[11], ARGV[12])
if ARGV[4] ~= '' then
    redis.call('HSET', KEYS[5], ARGV[9], ARGV[4])
end
if ARGV[5] == '0' then
    redis.call('XADD', KEYS[4], '*', ARGV[9], ARGV[10])
else
    redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[5], '*', ARGV[9], ARGV[10])
end
redis.call('HINCRBY', KEYS[1], 'sold', ARGV[12])
redis.call('HSET', KEYS[1], 'seq', ARGV[13], 'left', ARGV[14], 'buyers', redis.call('HLEN', KEYS[3]))
return {1}
