package scratch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// watchdog is the program of a Guard. It waits for the end of a pipe that only our process holds open for writing: then
// our process is gone, however it went. It ends its process group, itself last, and removes the directory named to it.
const watchdog = `
trap '' HUP INT QUIT TERM
echo ready
read -r nothing
kill -s "$1" 0
sleep 3
[ -z "$2" ] || rm -rf -- "$2"
kill -s KILL 0
`

// A Guard is a process group whose members cannot outlive this process, not even when it is killed with SIGKILL, and
// which a Ctrl-C in the terminal does not reach, so that the owner stops the members in its own order. It is a tiny
// shell process that waits for the end of a pipe: that works alike on Linux and macOS and, unlike Linux' parent-death
// signal, does not depend on which thread started a child.
type Guard struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

// NewGuard starts an empty group. Should this process vanish, the members first get the signal last, three seconds
// later SIGKILL (a Postgres that ends by itself also removes its shared memory), and the directory dir, if one is
// named, is removed.
func NewGuard(last syscall.Signal, dir string) (*Guard, error) {
	cmd := exec.Command("/bin/sh", "-c", watchdog, "cleversync-guard", fmt.Sprint(int(last)), dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start guard: %w", err)
	}
	guard := &Guard{cmd: cmd, stdin: stdin}
	// Until it has said so, the shell might still die of a signal that is meant for the group.
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("start guard: %w", err), guard.Close())
	}
	return guard, nil
}

// Attach makes cmd, which has not been started yet, a member of the group from before its first instruction.
// Other fields of its SysProcAttr stay as they are.
func (g *Guard) Attach(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pgid = g.cmd.Process.Pid
}

// Signal sends a signal to all members and to what they started. No member is no error.
func (g *Guard) Signal(sig syscall.Signal) error {
	if err := syscall.Kill(-g.cmd.Process.Pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal group: %w", err)
	}
	return nil
}

// Close dissolves the group: a member that its owner has not ended by now is killed. It may be called once.
func (g *Guard) Close() error {
	// The order matters: the group's number is ours only while its first process has not been waited for.
	killed := g.Signal(syscall.SIGKILL)
	err := errors.Join(killed, g.stdin.Close())
	if wait := g.cmd.Wait(); wait != nil && g.cmd.ProcessState == nil {
		err = errors.Join(err, fmt.Errorf("wait for guard: %w", wait))
	}
	return err
}
