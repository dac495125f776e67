-- wrk's requests for benchmarks/scale.py: each payment has an id of its own, and any answer but 202 is reported at the end.
local sent = 0
refused = 0
local threads = {}
local key = os.getenv("TARIFA_KEY")
local headers = {["Content-Type"] = "application/json", ["Authorization"] = key and "Bearer " .. key}
local run = tonumber(os.getenv("RUN"))

function setup(thread) table.insert(threads, thread) end

function request()
  sent = sent + 1
  local body = string.format('{"correlationId":"%08x-0000-4000-8000-%012x","amount":19.90}', run, sent)
  return wrk.format("POST", "/payments", headers, body)
end

function response(status) if status ~= 202 then refused = refused + 1 end end

function done()
  for _, thread in ipairs(threads) do print("refused " .. thread:get("refused")) end
end
