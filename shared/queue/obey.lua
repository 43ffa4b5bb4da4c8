-- Holds a district's callers to what Clever's headers said. It only ever slows
-- them down, so that answers may come late and in any order.
-- KEYS: 1 the bucket, 2 its pace. ARGV: 1 microseconds per place, 2 burst of
-- all, 3 requests that may be on their way, 4 requests remaining, 5
-- microseconds until Clever's reset. Answers whether there was nothing left.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local left, reset = tonumber(ARGV[4]) - tonumber(ARGV[3]), tonumber(ARGV[5])
local ends, ahead = now + reset, interval * (burst - 1)
local text = function(n) return string.format('%.0f', n) end

-- Nothing before the reset, and no burst right after it.
if left < 2 then
  local tat = math.max(ends + ahead, tonumber(redis.call('GET', KEYS[1]) or '0'))
  redis.call('SET', KEYS[1], text(tat), 'PX', math.ceil((tat - now) / 1000) + 1000)
  return 1
end

-- What is left, spread over the time that is left, the burst included. Within
-- one window the answer with fewer remaining is the later one; of two windows
-- the one that ends later counts. Ends differ by the second that headers round to.
local known = redis.call('HMGET', KEYS[2], 'until', 'remaining')
local known_end, known_left = tonumber(known[1] or '0'), tonumber(known[2] or '0')
local same = math.abs(known_end - ends) <= 2000000
if (same and left <= known_left) or (not same and ends > known_end) then
  redis.call('HSET', KEYS[2], 'interval', text((reset + ahead) / (left - 1)), 'until', text(ends), 'remaining', left)
  redis.call('PEXPIRE', KEYS[2], math.ceil(reset / 1000))
end
return 0
