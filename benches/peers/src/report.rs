//! What is told.

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::{
    args::{Args, Peer},
    rounds::{Measured, Shape},
    workload::Figures,
};

/// Shapes that peers have too.
const COMPARED: [Shape; 4] = [Shape::Send, Shape::Take, Shape::SendBatch, Shape::TakeBatch];

pub(crate) struct Report<'a> {
    args: &'a Args,
    measured: Measured,
}

impl<'a> Report<'a> {
    pub(crate) fn new(args: &'a Args, measured: Measured) -> Self {
        Self { args, measured }
    }

    fn peers(&self) -> impl Iterator<Item = Peer> {
        let is_measured = |peer: &Peer| self.measured.contains_key(&(*peer, Shape::Send));
        Peer::ALL.into_iter().filter(is_measured)
    }

    /// The round in the middle, by the rate.
    fn median(&self, peer: Peer, shape: Shape) -> Option<&Figures> {
        let mut rounds: Vec<&Figures> = self.measured.get(&(peer, shape))?.iter().collect();
        rounds.sort_by(|a, b| a.messages_per_s.total_cmp(&b.messages_per_s));
        Some(rounds[rounds.len() / 2])
    }

    /// The rate of `own` over that of the best of the others that are durable.
    fn ratio(&self, own: Peer, shape: Shape) -> Option<f64> {
        let own = self.median(own, shape)?.messages_per_s;
        let others = self.peers().filter(|peer| !peer.is_own() && peer.is_durable());
        let rates = others.filter_map(|peer| self.median(peer, shape));
        let best = rates.map(|figures| figures.messages_per_s).max_by(f64::total_cmp)?;
        Some(own / best)
    }

    pub(crate) fn print(&self) -> Result<()> {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header([
            "messages/s",
            "send",
            "receive + delete",
            "send, 10 a call",
            "receive + delete, 10 a call",
            "durable",
        ]);
        for peer in self.peers() {
            let mut row = vec![peer.title().to_owned()];
            row.extend(COMPARED.map(|shape| {
                self.median(peer, shape).map_or_else(String::new, |it| rate(it.messages_per_s))
            }));
            row.push(if peer.is_durable() { "yes" } else { "no: it syncs later" }.into());
            table.add_row(row);
        }
        for own in self.peers().filter(|peer| peer.is_own()) {
            let mut row = vec![format!("{} over the best durable peer", own.title())];
            row.extend(COMPARED.map(|shape| {
                self.ratio(own, shape).map_or_else(String::new, |ratio| format!("{ratio:.2}"))
            }));
            row.push(String::new());
            table.add_row(row);
        }
        for column in 1..=COMPARED.len() {
            let column = table.column_mut(column).expect("it has as many");
            column.set_cell_alignment(CellAlignment::Right);
        }
        println!("{table}");
        for shape in [Shape::SendStream, Shape::TakeStream] {
            if let Some(figures) = self.median(Peer::Ledgerq, shape) {
                println!("ledgerq, {}: {}/s", shape.key(), rate(figures.messages_per_s));
            }
        }
        Ok(())
    }

    pub(crate) fn print_json(&self) -> Result<()> {
        let shapes = |peer: Peer| {
            let of = |shape: Shape| Some((shape.key().to_owned(), self.shape(peer, shape)?));
            Shape::ALL.into_iter().filter_map(of).collect::<serde_json::Map<_, _>>()
        };
        let peers = self.peers().map(|peer| {
            let value = json!({ "durable": peer.is_durable(), "shapes": shapes(peer) });
            (peer.key(), value)
        });
        let ratios = |own: Peer| {
            let of = |shape: Shape| Some((shape.key().to_owned(), self.ratio(own, shape)?.into()));
            COMPARED.into_iter().filter_map(of).collect::<serde_json::Map<_, _>>()
        };
        let own = self.peers().filter(|peer| peer.is_own());
        let ratios = own.map(|own| (own.key(), Value::from(ratios(own))));
        let object = json!({
            "callers": self.args.callers,
            "size": self.args.size,
            "seconds": self.args.seconds,
            "peers": peers.collect::<serde_json::Map<_, _>>(),
            "ratios": ratios.collect::<serde_json::Map<_, _>>(),
        });
        println!("{object}");
        Ok(())
    }

    /// The median and each round's rate.
    fn shape(&self, peer: Peer, shape: Shape) -> Option<Value> {
        let median = self.median(peer, shape)?;
        let rounds = self.measured.get(&(peer, shape))?;
        let rates: Vec<f64> = rounds.iter().map(|round| round.messages_per_s).collect();
        Some(json!({
            "messages_per_s": median.messages_per_s,
            "p50_us": median.p50_us,
            "p99_us": median.p99_us,
            "rounds_messages_per_s": rates,
        }))
    }
}

/// A rate with its thousands apart.
fn rate(messages_per_s: f64) -> String {
    let digits = format!("{messages_per_s:.0}");
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    let groups = groups.into_iter().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}
