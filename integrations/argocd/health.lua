-- The health of a PullCredential (regcred.dev), for Argo CD: docs/how-to/argocd.md says how it gets there.
-- Lua 5.1 with nothing but its base and table libraries, which is what Argo CD lets a script have.
--
-- Progressing: not looked at yet, being carried out, or on its way out.
-- Healthy:     every selected namespace has the logins; the message says where the source fails by now.
-- Degraded:    some namespace lacks them, and the operator cannot help it.

local function health(status, message)
  return {status = status, message = message}
end

local function condition(kind)
  for _, each in ipairs(obj.status.conditions) do
    if each.type == kind then
      return each
    end
  end
  return {}
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "What it gave is being taken away again")
end
if obj.status == nil or obj.status.conditions == nil then
  return health("Progressing", "The operator has not seen it yet; is it running?")
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "The operator has not seen its latest version yet")
end

local ready, minted = condition("Ready"), condition("Minted")
if ready.status == "True" then
  if minted.status == "False" then
    return health("Healthy", ready.message .. "; the source fails: " .. minted.message)
  end
  return health("Healthy", ready.message)
end
if ready.status == "False" and ready.reason ~= "Progressing" and ready.reason ~= "Deleting" then
  return health("Degraded", ready.reason .. ": " .. ready.message)
end
return health("Progressing", ready.message or "The operator has not judged it yet")
