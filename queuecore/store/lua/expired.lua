-- expired: which ended jobs have outlived their retention; changes nothing
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   retention (ms) of completed · failed · cancelled · limit
-- reply  tokens
local now, limit = clock_ms(), tonumber(ARGV[4])
local tokens = {}
for _, token in ipairs(call('LRANGE', base .. K_COMPLETED, 0, limit - 1)) do
  local finished = call('HGET', job_key(token), FINISHED)
  if finished then
    if finished + ARGV[1] > now then break end
    tokens[#tokens + 1] = token
  end
end
for index, name in ipairs({ K_FAILED, K_CANCELLED }) do
  local old = call('ZRANGEBYSCORE', base .. name, '-inf', now - ARGV[index + 1], 'LIMIT', 0, limit)
  for _, token in ipairs(old) do tokens[#tokens + 1] = token end
end
return tokens
