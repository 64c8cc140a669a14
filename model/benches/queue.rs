//! How fast the model alone is: eight threads that post, dequeue, block and unblock, no trace kept.
//! One operation is one [`System::apply`].
//!
//! `cargo bench -p iocp-model`

use divan::{Bencher, counter::ItemsCount};
use iocp_model::{Action, Call, Handle, Packet, Profile, System, ThreadId, Timeout};

fn main() {
    divan::main();
}

/// Two producers and six workers on a port of limit two.
struct Lab {
    system: System,
    port: Handle,
    producers: Vec<ThreadId>,
    workers: Vec<ThreadId>,
}

impl Lab {
    fn new() -> Self {
        let mut system = System::new(Profile::default().semantics, 8);
        let process = system.add_process();
        let (_, port) = system.add_port(process, 2);
        let producers = (0..2).map(|_| system.add_thread(process)).collect();
        let workers = (0..6).map(|_| system.add_thread(process)).collect();
        Self {
            system,
            port,
            producers,
            workers,
        }
    }

    fn call(&mut self, thread: ThreadId, call: Call) -> u64 {
        self.apply(Action::Call(thread, call))
    }

    fn apply(&mut self, action: Action) -> u64 {
        divan::black_box(self.system.apply(action, &mut ()))
            .expect("the benchmark knows its state");
        1
    }

    fn post(&mut self, producer: usize, key: u64) -> u64 {
        let (thread, port) = (self.producers[producer], self.port);
        let packet = Packet::posted(key, 0, 0);
        self.call(thread, Call::PostQueuedCompletionStatus { port, packet })
    }

    fn get(&mut self, worker: usize) -> u64 {
        let (thread, port) = (self.workers[worker], self.port);
        let timeout = Timeout::Infinite;
        self.call(thread, Call::GetQueuedCompletionStatus { port, timeout })
    }

    fn block(&mut self, worker: usize) -> u64 {
        let (timeout, alertable) = (Timeout::Infinite, false);
        self.call(
            self.workers[worker],
            Call::WaitOutside { timeout, alertable },
        )
    }

    fn unblock(&mut self, worker: usize) -> u64 {
        self.apply(Action::Unblock(self.workers[worker])) + self.goes_on(worker)
    }

    fn goes_on(&mut self, worker: usize) -> u64 {
        let thread = self.workers[worker];
        self.apply(Action::Return { thread, more: 0 })
    }
}

/// The rounds of one measurement.
const ROUNDS: u64 = 100_000;

/// Posts and dequeues of packets that wait: nobody blocks.
#[divan::bench]
fn post_and_dequeue(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(ROUNDS * 4))
        .with_inputs(Lab::new)
        .bench_local_refs(|lab| {
            let mut operations = 0;
            for round in 0..ROUNDS {
                operations += lab.post(0, round) + lab.post(1, round) + lab.get(0) + lab.get(1);
            }
            assert_eq!(operations, ROUNDS * 4);
        });
}

/// Six workers wait, two at a time are handed packets, block for another reason, let others in by
/// that, go on and wait again.
#[divan::bench]
fn post_dequeue_block_unblock(bencher: Bencher<'_, '_>) {
    const OPERATIONS: u64 = 24;
    bencher
        .counter(ItemsCount::new(ROUNDS * OPERATIONS))
        .with_inputs(|| {
            let mut lab = Lab::new();
            for worker in 0..6 {
                lab.get(worker);
            }
            lab
        })
        .bench_local_refs(|lab| {
            let mut operations = 0;
            for round in 0..ROUNDS {
                // The last two on the stack get the first two packets; the next two wait in the
                // queue until those block.
                for post in 0..4 {
                    operations += lab.post(post % 2, round);
                }
                for worker in [5, 4] {
                    operations += lab.goes_on(worker) + lab.block(worker);
                }
                for worker in [3, 2] {
                    operations += lab.goes_on(worker) + lab.block(worker);
                }
                for worker in [5, 4, 3, 2] {
                    operations += lab.unblock(worker);
                }
                for worker in [2, 3, 4, 5] {
                    operations += lab.get(worker);
                }
            }
            assert_eq!(operations, ROUNDS * OPERATIONS);
        });
}
