package main

import (
	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"

	"cleversync/shared/queue"
)

// dashboard makes asynq's own dashboard, for reading only: what its buttons do
// would only touch wake-ups, while runs are cancelled through the API.
func dashboard(redisURL string) (*asynqmon.HTTPHandler, error) {
	connection, err := asynq.ParseRedisURI(redisURL)
	if err != nil {
		return nil, queue.ErrRedisURL // asynq's own error repeats the address
	}
	return asynqmon.New(asynqmon.Options{RootPath: "/queues", RedisConnOpt: connection, ReadOnly: true}), nil
}
