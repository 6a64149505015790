// The evaluator of kube-network-policies, in process, over a cluster and connections
// from files. It prints one JSON object: its verdicts, and how long one takes.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/kube-network-policies/pkg/network"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

// connection is a line of the file of connections.
type connection struct {
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Protocol    string `json:"protocol"`
	Port        int    `json:"port"`
}

// answer is what is printed.
type answer struct {
	// Allowed has a verdict for each connection.
	Allowed []bool `json:"allowed"`
	// Nanoseconds is the least time of some rounds, for one verdict.
	Nanoseconds float64 `json:"nanoseconds"`
}

func main() {
	log.SetFlags(0)
	world := flag.String("world", "", "the file of manifests, one List in JSON")
	connections := flag.String("connections", "", "the file of connections, one object a line")
	budget := flag.Duration("time", 200*time.Millisecond, "how long to go on timing")
	rounds := flag.Int("rounds", 2, "the rounds to make at least")
	flag.Parse()
	// What nobody reads is not written: the evaluator logs at level 2.
	klog.SetOutput(io.Discard)

	engine, err := newEngine(*world)
	if err != nil {
		log.Fatalf("cannot take in %s: %v", *world, err)
	}
	packets, err := readPackets(*connections)
	if err != nil {
		log.Fatalf("cannot read %s: %v", *connections, err)
	}
	allowed, err := evaluate(engine, packets)
	if err != nil {
		log.Fatalf("cannot evaluate: %v", err)
	}
	nanoseconds, err := least(engine, packets, *budget, *rounds)
	if err != nil {
		log.Fatalf("cannot evaluate: %v", err)
	}
	result := answer{Allowed: allowed, Nanoseconds: nanoseconds}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

func readPackets(path string) ([]*network.Packet, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var packets []*network.Packet
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var line connection
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, err
		}
		packet := &network.Packet{
			Family:  v1.IPv6Protocol,
			SrcIP:   net.ParseIP(line.Source),
			DstIP:   net.ParseIP(line.Destination),
			Proto:   v1.Protocol(line.Protocol),
			SrcPort: 40000,
			DstPort: line.Port,
		}
		if packet.SrcIP == nil || packet.DstIP == nil {
			return nil, fmt.Errorf("no addresses: %s", lines.Text())
		}
		if packet.DstIP.To4() != nil {
			packet.Family = v1.IPv4Protocol
		}
		packets = append(packets, packet)
	}
	return packets, nil
}

func evaluate(engine *networkpolicy.PolicyEngine, packets []*network.Packet) ([]bool, error) {
	allowed := make([]bool, len(packets))
	for index, packet := range packets {
		verdict, err := engine.EvaluatePacket(context.Background(), packet)
		if err != nil {
			return nil, err
		}
		allowed[index] = verdict
	}
	return allowed, nil
}

// least returns the least time of a round, for one verdict: processor time of this
// thread, as the contestants beside it are timed, so that a busy machine spoils neither.
func least(engine *networkpolicy.PolicyEngine, packets []*network.Packet, budget time.Duration, rounds int) (float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var shortest time.Duration
	begun := time.Now()
	for round := 0; round < rounds || time.Since(begun) < budget; round++ {
		start, err := processorTime()
		if err != nil {
			return 0, err
		}
		if _, err := evaluate(engine, packets); err != nil {
			return 0, err
		}
		end, err := processorTime()
		if err != nil {
			return 0, err
		}
		if passed := end - start; round == 0 || passed < shortest {
			shortest = passed
		}
	}
	return float64(shortest.Nanoseconds()) / float64(len(packets)), nil
}

// processorTime tells how long this thread has run.
func processorTime() (time.Duration, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		return 0, err
	}
	return time.Duration(now.Nano()), nil
}
