package syncrun

import (
	"fmt"

	"github.com/google/uuid"
)

// Delivery is one wake-up for one step: identity only, no data.
type Delivery struct {
	Run  uuid.UUID
	Step Step
	// Seq numbers the deliveries of a step, so that a second delivery of the
	// same number is a conflict in the queue and not a second task.
	Seq  int
	Lane Lane
}

// ID is the task's id in the queue. It has no slash, because the dashboard puts
// it into paths.
func (d Delivery) ID() string { return fmt.Sprintf("%s:%s:%d", d.Run, d.Step, d.Seq) }
