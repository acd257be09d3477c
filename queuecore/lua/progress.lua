-- progress: attempts say how far they are, store a checkpoint, add log lines
-- from   running
-- to     running
-- flags  allow-oom
-- KEYS   1 the queue's beginning
-- ARGV   number of updates, then for each: token · attempt · progress (msgpack or '') · checkpoint (msgpack or '')
--        · number of log lines · the lines
-- reply  {fenced tokens, tokens whose cancel was asked for}
local now = string.format('%.0f', clock_ms())
local fenced, cancelled = {}, {}
local at = 2
for _ = 1, tonumber(ARGV[1]) do
  local token, attempt, progress, checkpoint = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local lines = tonumber(ARGV[at + 4])
  local fields = owned(token, attempt, CANCEL)
  if fields then
    local key, version = job_key(token), (fields[3] or 1) + 1
    call('HSET', key, VERSION, version)
    if progress ~= '' then call('HSET', key, PROGRESS, progress, PROGRESSED, now) end
    if checkpoint ~= '' then call('HSET', key, CHECKPOINT, checkpoint) end
    if lines > 0 then
      local log = base .. K_LOG .. token
      call('RPUSH', log, unpack(ARGV, at + 5, at + 4 + lines))
      call('LTRIM', log, -LOG_LENGTH, -1)
    end
    if fields[5] then cancelled[#cancelled + 1] = token end
    notify(fields[4], token, version)
  else
    fenced[#fenced + 1] = token
  end
  at = at + 5 + lines
end
count('fenced', #fenced)
return { fenced, cancelled }
