//! The reference traces of the rule book (section 2.3) and the notes on its state machine (2.2).

mod lab;

use iocp_model::{Action, Profile, Timeout, invariants, rules};
use lab::Lab;

/// RT-1: one slot, from hand-off by way of excess to decay (KQ-02, KQ-03, CONC-03, CONC-05,
/// CONC-08).
#[test]
fn rt_1_one_slot_from_hand_off_to_decay() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    let (x, y, z) = (1, 2, 3);
    lab.enter([a, b]);
    lab.is(0, [], [a, b]);
    lab.post(x).goes_to(b);
    lab.returns(b).gets(x);
    lab.post(y).is_queued();
    lab.is(1, [y], [a]);
    lab.sleep(b, Timeout::Finite, false).blocks().hands(y, a);
    lab.returns(a).gets(y);
    lab.is(1, [], []);
    lab.expires(b);
    lab.returns(b).succeeds();
    lab.is(2, [], []);
    lab.post(z).is_queued();
    lab.is(2, [z], []);
    lab.get(a).blocks();
    lab.is(1, [z], [a]);
    lab.get(b).gets(z);
    lab.is(1, [], [a]);
}

/// RT-2: with two slots the thread that comes back takes the next packet; the bottom waiter never
/// runs (WAIT-01, CONC-02).
#[test]
fn rt_2_two_slots_of_three_threads() {
    let mut lab = Lab::new(2);
    let [a, b, c] = lab.threads();
    lab.enter([a, b, c]);
    lab.post(1).goes_to(c);
    lab.post(2).goes_to(b);
    lab.post(3).is_queued();
    lab.is(2, [3], [a]);
    lab.returns(c).gets(1);
    lab.get(c).gets(3);
    lab.is(2, [], [a]);
}

/// RT-3: a thread whose poll timed out holds the slot until it exits (CONC-20, THR-05).
#[test]
fn rt_3_a_poller_holds_the_slot_until_it_exits() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    let x = 1;
    lab.poll(a).times_out();
    lab.get(b).blocks();
    lab.post(x).is_queued();
    lab.exit(a).hands(x, b);
    lab.returns(b).gets(x);
    lab.is(1, [], []);
}

/// RT-4: to dequeue elsewhere frees the slot at once, and is counted there only when it ends
/// (THR-02, THR-03, CONC-13).
#[test]
fn rt_4_moving_to_another_port_frees_the_slot() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    let (p, q) = (lab.here(), lab.add_port(1));
    let x = 1;
    lab.joins(a);
    lab.get(b).blocks();
    lab.post(x).is_queued();
    lab.at(q)
        .get_within(a, Timeout::Finite)
        .blocks()
        .hands(x, b);
    lab.is(0, [], [a]);
    lab.at(p).is(1, [], []);
    lab.expires(a);
    lab.at(q).is(1, [], []);
    lab.returns(a).times_out();
    lab.at(p).returns(b).gets(x);
}

/// RT-5: of a time-out and a post at one instant either may be first, and nothing is lost or given
/// twice (WAIT-04, WAIT-05).
#[test]
fn rt_5_time_out_and_post_at_one_instant() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    let x = 1;
    lab.get(a).blocks();
    lab.get_within(b, Timeout::Finite).blocks();

    let mut timeout_first = lab.clone();
    timeout_first.expires(b);
    timeout_first.is(1, [], [a]);
    // B runs, so the one slot is taken: A gets the packet when B has left.
    timeout_first.post(x).is_queued();
    timeout_first.returns(b).times_out();
    timeout_first.exit(b).hands(x, a);
    timeout_first.returns(a).gets(x);

    let mut post_first = lab;
    post_first.post(x).goes_to(b);
    post_first.expires(b).is_not_enabled();
    post_first.returns(b).gets(x);
    post_first.is(1, [], [a]);
}

/// RT-5, as the rule book has it: with a slot to spare, A gets the packet at once (WAIT-05).
#[test]
fn rt_5_with_a_slot_to_spare() {
    let mut lab = Lab::new(2);
    let [a, b] = lab.threads();
    let x = 1;
    lab.get(a).blocks();
    lab.get_within(b, Timeout::Finite).blocks();
    lab.expires(b);
    lab.post(x).goes_to(a);
    lab.returns(b).times_out();
    lab.returns(a).gets(x);
    lab.is(2, [], []);
}

/// RT-6: at the limit a poll finds nothing although a packet is there (KQ-09).
#[test]
fn rt_6_a_poll_at_the_limit_times_out() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.post(1).is_queued();
    lab.poll(b).times_out();
    lab.is(2, [1], []);
}

/// Note 1: by work conservation a packet that goes straight to a waiter overtakes none (KQ-14).
#[test]
fn note_1_a_hand_off_overtakes_no_queued_packet() {
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    lab.enter([a, b, c]);
    lab.post(1).goes_to(c);
    for key in 2..=4 {
        lab.post(key).is_queued();
    }
    lab.returns(c).gets(1);
    lab.block(c).hands(2, b);
    lab.returns(b).gets(2);
    lab.block(b).hands(3, a);
    lab.returns(a).gets(3);
    lab.get(a).gets(4);
    lab.get(a).blocks();
    lab.post(5).goes_to(a);
}

/// Note 2: the caller is not counted while it looks, so it takes the packet itself (CONC-02).
#[test]
fn note_2_the_running_thread_picks_up_the_next_packet() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.enter([b]);
    lab.post(1).is_queued();
    lab.get(a).gets(1).hands_nothing();
    lab.is(1, [], [b]);
}

/// Note 3: only a wake-up leads beyond the limit, and nothing is granted until the count is below
/// it again (CONC-05, KQ-15).
#[test]
fn note_3_only_waking_exceeds_the_limit() {
    let mut lab = Lab::new(1);
    let [a, b, c, d] = lab.threads();
    for thread in [a, b, c] {
        lab.joins(thread);
        lab.block(thread);
    }
    lab.enter([d]);
    for (thread, active) in [(a, 1), (b, 2), (c, 3)] {
        lab.wakes(thread);
        lab.returns(thread).succeeds();
        lab.is(active, [], [d]);
    }
    lab.post(1).is_queued();
    lab.block(a).hands_nothing();
    lab.block(b).hands_nothing();
    lab.block(c).hands(1, d);
}

/// Note 4: the count follows the actual block, not the intention (CONC-07).
#[test]
fn note_4_the_count_follows_the_actual_block() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.joins(a);
    lab.enter([b]);
    lab.post(1).is_queued();
    lab.sleep(a, Timeout::Zero, false)
        .succeeds()
        .hands_nothing();
    lab.is(1, [1], [b]);
    lab.sleep(a, Timeout::Finite, false).blocks().hands(1, b);
}

/// Note 5: a kernel APC is what disturbs the order of the stack (KQ-12), a suspension too
/// (CONC-11).
#[test]
fn note_5_kernel_apcs_reorder_the_stack() {
    let mut lab = Lab::new(1);
    let [a, b, c] = lab.threads();
    lab.enter([a, b, c]);
    lab.kernel_apc(b, [0, 0]).blocks();
    lab.is(0, [], [a, c, b]);
    lab.suspend(a);
    lab.is(0, [], [c, b]);
    lab.resume(a);
    lab.returns(a).blocks();
    lab.is(0, [], [c, b, a]);
}

/// Note 6: a poll of a fresh port leaves the caller associated and counted (KQ-07, THR-02).
#[test]
fn note_6_a_poll_of_a_fresh_port_associates_and_counts() {
    let mut lab = Lab::new(1);
    let [a] = lab.threads();
    lab.is(0, [], []);
    lab.poll(a).times_out();
    lab.is(1, [], []);
    assert_eq!(lab.members(), [a]);
}

/// Note 7: a kernel APC that inserts two packets strands one of them beside a waiter, until the
/// next step that looks (KQ-04, KQ-14).
#[test]
fn note_7_two_inserts_in_a_kernel_apc_strand_one() {
    let mut lab = Lab::new(2);
    let [a, b] = lab.threads();
    lab.enter([a, b]);
    lab.kernel_apc(b, [1, 2]).gets(1).hands_nothing();
    lab.is(1, [2], [a]);
    let broken = invariants::check(&lab.system).unwrap_err();
    assert_eq!(broken.invariant, invariants::Invariant::WorkConservation);

    // A later insert hands over its own packet, which overtakes the stranded one ...
    let mut inserts = lab.clone();
    inserts.post(3).goes_to(a);
    inserts.is(2, [2], []);
    // ... a block of the interrupted thread ends it, and so does its next dequeue.
    let mut blocks = lab.clone();
    blocks.block(b).hands(2, a);
    invariants::check(&blocks.system).unwrap();
    lab.get(b).gets(2);
    invariants::check(&lab.system).unwrap();
}

/// The transitions with a number of their own cite the rules that they consist of.
#[test]
fn transitions_cite_their_rules() {
    let mut lab = Lab::new(1);
    let [a, b] = lab.threads();
    lab.get(a)
        .obeys(&[rules::THR_01, rules::KQ_07, rules::KQ_11]);
    lab.get(b).blocks();
    lab.post(1)
        .obeys(&[rules::KQ_02, rules::WAIT_01, rules::WAIT_03]);
    lab.post(2).obeys(&[rules::KQ_03, rules::KQ_05]);
    lab.returns(b).gets(1);
    lab.block(b).obeys(&[rules::CONC_03, rules::CONC_04]);
    lab.wakes(b).obeys(&[rules::CONC_05]);
    lab.returns(b);
    lab.exit(b).obeys(&[rules::THR_05]);
}

/// On every kernel with a limit the reference traces begin alike; the one without serves both at
/// once.
#[test]
fn rt_1_by_profile() {
    for &profile in Profile::ALL {
        let mut lab = Lab::of(profile, 1);
        let [a, b] = lab.threads();
        lab.enter([a, b]);
        lab.post(1);
        lab.post(2);
        let wine = profile == Profile::WINE_8;
        // B got 1 and the slot; Wine woke A and B, to fetch for themselves.
        lab.act(Action::Return { thread: b, more: 0 }).gets(1);
        if wine {
            lab.returns(a).gets(2);
            lab.is(2, [], []);
        } else {
            lab.returns(a).is_not_enabled();
            lab.is(1, [2], [a]);
        }
    }
}
