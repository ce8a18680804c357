end

local decided = decide()
if how == 1 then
    local _, sold = string.gsub(decided[5], 'D', '')
    if first + sold ~= last then
        last = first + sold
        redis.call('HSET', KEYS[1], into, remember(first, last))
    end
end
return {decided, how, first, last, moves, left}
