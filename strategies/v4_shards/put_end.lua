end

local decided = decide()
if how == 1 then
    local sold = 0
    for i = 3, #decided, 4 do
        sold = sold + (decided[i] == 1 and 1 or 0)
    end
    if first + sold ~= last then
        last = first + sold
        redis.call('HSET', KEYS[1], into, remember(first, last))
    end
end
return {decided, how, first, last, moves, left}
