"""The state that outlives its process: rows in RocksDB, everything else in memory and in a log there."""
