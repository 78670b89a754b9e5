//! The task of one receive stream.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior},
};
use tonic::{Status, Streaming};

use super::{
    Leasing,
    held::Held,
    line::{Line, Room, Settled},
    only_at_first,
    outbox::{Answer, Outbox},
    receiver::{Given, Receiver},
};
use crate::{
    api::{
        OpenStream,
        grpc::{
            message::{change_visibility, delete},
            parse,
            refusal::{Place, Refusal, std_duration},
        },
    },
    broker::Handle,
    proto::v1,
    types::{LeaseRef, Millis, QueueName, Rejection, Unit, in_range, limits},
};

/// Ticks in the time that a lease lasts. It is extended when it is one to two ticks old.
const TICKS_PER_LEASE: u32 = 4;
/// Wishes that wait for the broker; with so many, no further requests are read.
const WAITING_MAX: usize = 4 * limits::ENTRIES_MAX;
/// How long wishes wait for room in the broker before they are offered again.
const ROOM_RETRY: Duration = Duration::from_millis(5);

/// A lease and the time from now after which it is to end.
type Change = (LeaseRef, Millis);

/// What the task of a stream has.
pub(super) struct Driver {
    broker: Arc<Handle>,
    open: OpenStream,
    requests: Streaming<v1::ReceiveStreamRequest>,
    queue: QueueName,
    timeout: Millis,
    held: Arc<Held>,
    receiver: Receiver,
    acks: Line<LeaseRef>,
    nacks: Line<Change>,
    extensions: Line<Change>,
    /// Extensions of the stream's own.
    kept: Line<Change>,
    ticks: Option<Interval>,
    outbox: Outbox,
    phase: Phase,
}

/// Whether requests are read and messages received.
enum Phase {
    Open,
    /// No more, and once all is answered the stream ends like this.
    Ending(Option<Status>),
}

impl Driver {
    pub(super) fn new(
        broker: Arc<Handle>,
        open: OpenStream,
        requests: Streaming<v1::ReceiveStreamRequest>,
        queue: QueueName,
        leasing: Leasing,
        held: Arc<Held>,
    ) -> Self {
        let Leasing { timeout, is_kept } = leasing;
        let ticks = is_kept.then(|| {
            let mut ticks = tokio::time::interval(std_duration(timeout) / TICKS_PER_LEASE);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        Self {
            receiver: Receiver::new(broker.clone(), queue.clone(), timeout),
            broker,
            open,
            requests,
            queue,
            timeout,
            held,
            acks: Line::new(|index| Place::Field(format!("acks[{index}]"))),
            nacks: Line::new(|index| Place::Message(format!("nacks[{index}]"))),
            extensions: Line::new(|index| Place::Message(format!("extensions[{index}]"))),
            kept: Line::new(|_| Place::Request),
            ticks,
            outbox: Outbox::default(),
            phase: Phase::Open,
        }
    }

    /// Goes on until the client ends the stream or is gone, or the stream cannot go on.
    pub(super) async fn run(mut self, out: mpsc::Sender<Answer>) {
        loop {
            let room = self.ask();
            let is_open = matches!(self.phase, Phase::Open);
            if !is_open && self.is_settled() {
                break;
            }
            let may_read = is_open && self.may_read();
            let may_receive = is_open && self.outbox.has_room_for_messages();
            tokio::select! {
                biased;
                () = out.closed() => break,
                permit = out.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => permit.send(self.outbox.take()),
                    Err(_) => break,
                },
                acks = self.acks.settled(), if self.acks.has_under_way() => self.acked(acks),
                nacks = self.nacks.settled(), if self.nacks.has_under_way() => {
                    self.nacked(nacks);
                }
                extensions = self.extensions.settled(), if self.extensions.has_under_way() => {
                    self.extended(extensions);
                }
                kept = self.kept.settled(), if self.kept.has_under_way() => self.were_kept(kept),
                request = self.requests.message(), if may_read => self.read(request),
                given = self.receiver.given(), if may_receive => self.deliver(given),
                () = next_tick(&mut self.ticks), if is_open => self.tick(),
                closed = self.open.closed(), if is_open => self.end(Some(closed.into())),
                () = tokio::time::sleep(ROOM_RETRY), if room == Room::Wanted => {}
            }
        }
        self.ended(&out).await;
    }

    /// The client is told how the stream ends, or is gone: then what it has asked for is done all
    /// the same.
    async fn ended(mut self, out: &mpsc::Sender<Answer>) {
        self.broker.delete_unheard(&self.queue, &self.acks.take_waiting());
        self.broker.give_back(&self.queue, &self.nacks.take_waiting());
        self.held.give_back();
        if let Phase::Ending(Some(status)) = self.phase {
            // The client may be gone.
            let _ = out.send(Answer::end(status)).await;
        }
    }

    /// Hands wishes to the broker.
    fn ask(&mut self) -> Room {
        let (broker, queue) = (&*self.broker, &self.queue);
        let rooms = [
            self.acks.ask(broker, queue),
            self.nacks.ask(broker, queue),
            self.extensions.ask(broker, queue),
            self.kept.ask(broker, queue),
        ];
        if rooms.contains(&Room::Wanted) { Room::Wanted } else { Room::Enough }
    }

    fn may_read(&self) -> bool {
        let waiting = self.acks.waiting_count()
            + self.nacks.waiting_count()
            + self.extensions.waiting_count();
        waiting < WAITING_MAX && self.outbox.has_room_for_results()
    }

    /// Whether everything that was asked is done and told.
    fn is_settled(&self) -> bool {
        let wishes = self.acks.is_empty() && self.nacks.is_empty() && self.extensions.is_empty();
        wishes && self.outbox.is_empty()
    }

    fn read(&mut self, request: Result<Option<v1::ReceiveStreamRequest>, Status>) {
        match request {
            Ok(Some(request)) => {
                let taken = only_at_first(&request, &self.queue).map_err(Refusal::of_request);
                if let Err(refusal) = taken.and_then(|()| self.take_wishes(&request)) {
                    self.end(Some(refusal.into()));
                }
            }
            Ok(None) => self.end(None),
            Err(status) => self.end(Some(status)),
        }
    }

    /// Takes what a request asks for. A bad handle or timeout fails alone.
    pub(super) fn take_wishes(
        &mut self,
        request: &v1::ReceiveStreamRequest,
    ) -> Result<(), Refusal> {
        check(request).map_err(Refusal::of_request)?;
        for (index, handle) in request.acks.iter().enumerate() {
            let lease = self.broker.open_receipt_handle(handle);
            if let Ok(lease) = &lease {
                self.held.release(lease);
            }
            self.acks.push(index, lease);
        }
        for (index, entry) in request.nacks.iter().enumerate() {
            let change = nack(&self.broker, entry);
            if let Ok((lease, _)) = &change {
                self.held.release(lease);
            }
            self.nacks.push(index, change);
        }
        for (index, entry) in request.extensions.iter().enumerate() {
            let change = change_visibility::parse_entry(&self.broker, entry);
            if let Ok((lease, _)) = &change {
                self.held.leave_alone(lease);
            }
            self.extensions.push(index, change);
        }
        // Those that the request is done with count no more.
        let credits = u64::from(request.credits);
        let total = self.held.len() as u64 + self.receiver.credits() + credits;
        in_range("credits", total, 0, limits::CREDITS_MAX.into(), Unit::Count)
            .map_err(Refusal::of_request)?;
        self.receiver.grant(credits);
        Ok(())
    }

    fn deliver(&mut self, given: Result<Given, Rejection>) {
        match given {
            Ok(Given { response, leases, delivery, .. }) => {
                self.held.take(&leases);
                self.outbox.deliver(response, leases, delivery.claim());
            }
            Err(rejection) => self.refused(rejection),
        }
    }

    fn acked(&mut self, settled: Result<Settled<LeaseRef>, Rejection>) {
        match settled {
            Ok(settled) => self.outbox.acks.extend(settled.results(delete::result)),
            Err(rejection) => self.refused(rejection),
        }
        self.receiver.leases_ended();
    }

    fn nacked(&mut self, settled: Result<Settled<Change>, Rejection>) {
        match settled {
            Ok(settled) => self.outbox.nacks.extend(settled.results(change_visibility::result)),
            Err(rejection) => self.refused(rejection),
        }
        self.receiver.leases_ended();
    }

    fn extended(&mut self, settled: Result<Settled<Change>, Rejection>) {
        match settled {
            Ok(settled) => {
                self.outbox.extensions.extend(settled.results(change_visibility::result));
            }
            Err(rejection) => self.refused(rejection),
        }
    }

    fn were_kept(&mut self, settled: Result<Settled<Change>, Rejection>) {
        match settled {
            Ok(settled) => settled.outcomes().for_each(|((lease, _), outcome)| match outcome {
                Ok(_) => {}
                Err(Rejection::LeaseTooLong { .. }) => self.held.leave_alone(lease),
                Err(_) => self.held.release(lease),
            }),
            Err(rejection) => self.refused(rejection),
        }
    }

    fn tick(&mut self) {
        for lease in self.held.tick() {
            self.kept.push(0, Ok((lease, self.timeout)));
        }
    }

    /// The broker has refused a whole command.
    fn refused(&mut self, rejection: Rejection) {
        self.end(Some(Refusal::of_request(rejection).into()));
    }

    /// Ends the stream once everything is answered; the first reason counts.
    fn end(&mut self, status: Option<Status>) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Ending(status);
            self.outbox.drop_deliveries();
            self.held.give_back();
        }
    }
}

/// Refuses lists that are too long.
fn check(request: &v1::ReceiveStreamRequest) -> Result<(), Rejection> {
    let lists = [
        ("acks", request.acks.len()),
        ("nacks", request.nacks.len()),
        ("extensions", request.extensions.len()),
    ];
    lists.into_iter().try_for_each(|(field, count)| {
        in_range(field, count as u64, 0, limits::ENTRIES_MAX as u64, Unit::Count)
    })
}

/// A message that is given back, after no time unless the client says so.
fn nack(broker: &Handle, entry: &v1::ChangeVisibilityEntry) -> Result<Change, Rejection> {
    let lease = broker.open_receipt_handle(&entry.receipt_handle)?;
    let given = entry.visibility_timeout;
    let wait = parse::duration_up_to("visibility_timeout", given, limits::VISIBILITY_MAX)?;
    Ok((lease, wait.unwrap_or(Millis::ZERO)))
}

async fn next_tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => std::future::pending().await,
    }
}
