-- probe.lua: makes the writes of a purchase, and takes them back, to learn whether the store can write.
--
-- KEYS     1 orders 2 buyers 3 log, of a product that no sale can have; 4 claims, where ARGV 1 is not
--          ""; v2: the lock, the last, where ARGV 2 is not ""
-- ARGV     1 order  to claim, or ""
--          2 token  of the lock, or ""
-- Returns  1
-- Cost     5 to 9 writes, and one sync of the append-only file
--
-- decide.lua in dry mode writes nothing that Redis would log, so a full disk, which ends a redis-server
-- with appendfsync always at its first write, is found by this script alone.  It is one transaction:
-- nobody sees its keys, and a replica that has it has all of it.  Where a permission is missing it
-- stops half way, and the next one that may write removes what was left; the key of the sale is not
-- used, since decide.lua in dry mode looks at it.

redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
redis.call('HSET', KEYS[1], 'order', 'record')
redis.call('HINCRBY', KEYS[2], 'buyer', 1)
redis.call('XADD', KEYS[3], '*', 'order', 'record')
if ARGV[1] ~= '' then
    redis.call('HSET', KEYS[4], ARGV[1], ARGV[1])
    redis.call('HDEL', KEYS[4], ARGV[1])
end
if ARGV[2] ~= '' then
    local lock = KEYS[#KEYS]

    redis.call('SET', lock, ARGV[2], 'NX', 'PX', 1000)
    redis.call('GET', lock)
    redis.call('PTTL', lock)
    redis.call('PEXPIRE', lock, 1000)
    redis.call('DEL', lock)
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return 1
