-- complete: accept attempts' results
-- from   running
-- to     completed
-- flags  allow-oom
-- ARGV   (part of advance) the names of the attempts, then their results (msgpack)
-- An attempt owns its job exactly as long as its name is in its runner's set, so one question is enough for a thousand.
-- Returns the tokens; those that are refused go into `fenced`.
local function complete(running, at, n, now, fenced)
  local done, args = {}, ARGV
  for first = at, at + n - 1, 1000 do
    local last = math.min(first + 999, at + n - 1)
    local owns = call('SMISMEMBER', running, unpack(args, first, last))
    for index = first, last do
      local name, state = args[index], 'completed 1'
      local token = name
      if #name > TOKEN_LENGTH then
        local attempt
        token, attempt = split_name(name)
        state = 'completed ' .. attempt
      end
      local key = base .. K_JOB .. token
      local new = owns[index - first + 1] == 1 and call('HSET', key, STATE, state, FINISHED, now, RESULT, args[index + n])
      if new == 2 then
        done[#done + 1] = token
      else
        -- Not its own; or named twice in this call, which is written once; or gone from under it, and stays so.
        if new == 3 then call('DEL', key) end
        fenced[#fenced + 1] = token
      end
    end
    call('SREM', running, unpack(args, first, last))
  end
  if #done > 0 then
    call_with_all('RPUSH', base .. K_COMPLETED, done)
    count('completed', #done)
  end
  return done
end
