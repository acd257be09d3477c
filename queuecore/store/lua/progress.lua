-- progress: attempts say how far they are, store a checkpoint, add log lines
-- from   running
-- to     running
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   number of updates, then for each: token · attempt · progress (msgpack or '') · checkpoint (msgpack or '')
--        · number of log lines · the lines
-- reply  {fenced tokens, tokens whose cancel was asked for}
local now = integer(clock_ms())
local fenced, cancelled = {}, {}
local at = 2
for _ = 1, tonumber(ARGV[1]) do
  local token, attempt, progress, checkpoint = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local lines = tonumber(ARGV[at + 4])
  local job = owned(token, attempt, CANCEL)
  if job then
    if progress ~= '' then call('HSET', job.key, PROGRESS, progress, PROGRESSED, now) end
    if checkpoint ~= '' then call('HSET', job.key, CHECKPOINT, checkpoint) end
    if lines > 0 then
      local log = base .. K_LOG .. token
      call('RPUSH', log, unpack(ARGV, at + 5, at + 4 + lines))
      call('LTRIM', log, -LOG_LENGTH, -1)
    end
    if job[CANCEL] then cancelled[#cancelled + 1] = token end
    change(job)
  else
    fenced[#fenced + 1] = token
  end
  at = at + 5 + lines
end
count('fenced', #fenced)
return { fenced, cancelled }
