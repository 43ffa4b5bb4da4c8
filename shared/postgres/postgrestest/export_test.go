package postgrestest

// MigrationsHash is what the template's name is made from.
var MigrationsHash = migrationsHash
