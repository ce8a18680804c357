-- name.lua: puts a product among those that list() reads, before its sale is made.
--
-- KEYS     1 products  set
-- ARGV     1 product   2 sales_max  that the set may hold
-- Returns  1: it is there, new or from before.  0: there is no room
-- Cost     2 reads, 1 write
--
-- By itself, since the set may live on another node than the sale.  Doing it twice changes nothing.

if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then
    return 1
end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then
    return 0
end
return redis.call('SADD', KEYS[1], ARGV[1])
