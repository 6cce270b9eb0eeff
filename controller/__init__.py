"""The rules, the journal and the engine of the hall; main and cli are the roof."""
