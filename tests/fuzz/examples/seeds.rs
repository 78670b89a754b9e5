//! Writes the inputs to begin with of those targets that take bytes as they are: what the golden
//! files hold, a receipt handle, requests. Those of the others are what a fuzzer found.
//!
//!     cargo run --manifest-path tests/fuzz/Cargo.toml --example seeds

use std::{
    collections::HashMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use ledgerq::{
    broker::Receipts,
    proto::v1,
    types::{LeaseRef, Nonce, QueueId, Seq},
};
use ledgerq_fuzz::proto;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    codec(here)?;
    let (queue, seq, nonce) = (QueueId::new(3), Seq::new(5), Nonce::new(7));
    let handle = Receipts::new(&[7; 32]).seal(&LeaseRef { queue, seq, nonce });
    write(here, "receipt", "handle", handle.as_bytes())?;
    requests(here, &handle)
}

/// Each line of a golden file, behind the number of its kind.
fn codec(here: &Path) -> Outcome {
    for (file, kind) in [("records-1", 0), ("records-3", 0), ("heads-1", 5), ("heads-2", 5)] {
        for (name, bytes) in golden(here, file)? {
            write(here, "codec", &format!("{file}-{name}"), &[&[kind], &bytes[..]].concat())?;
        }
    }
    for (name, bytes) in golden(here, "images-1")? {
        let kind = match name.as_str() {
            "bucket" => 2,
            "summaries" => 3,
            "kept" | "kept-plain" => 4,
            _ => 1,
        };
        write(here, "codec", &format!("images-1-{name}"), &[&[kind], &bytes[..]].concat())?;
    }
    Ok(())
}

/// The lines of a golden file: what each is called, and its bytes.
type Golden = Vec<(String, Vec<u8>)>;

fn golden(here: &Path, file: &str) -> Result<Golden, Box<dyn Error>> {
    let text = fs::read_to_string(here.join(format!("../it/golden/{file}.txt")))?;
    let line = |line: &str| {
        let (name, digits) = line.split_once(' ')?;
        let byte = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
        Some((name.to_owned(), bytes?))
    };
    text.lines().map(|text| line(text).ok_or_else(|| format!("{file}: {text}").into())).collect()
}

fn requests(here: &Path, handle: &str) -> Outcome {
    let queue = "jobs.fifo".to_owned();
    let value = Some(v1::attribute_value::Value::Text("en".to_owned()));
    let attribute = v1::AttributeValue { data_type: "String".to_owned(), value };
    let message = v1::SendEntry {
        body: "hello".into(),
        group_id: "g".to_owned(),
        deduplication_id: "d".to_owned(),
        attributes: HashMap::from([("language".to_owned(), attribute)]).into_iter().collect(),
        ..Default::default()
    };
    let send = v1::SendRequest { queue: queue.clone(), entries: vec![message.clone()] };
    request(here, "MessageService/Send", &send)?;
    let receive = v1::ReceiveRequest { queue: queue.clone(), ..Default::default() };
    request(here, "MessageService/Receive", &receive)?;
    let delete = v1::DeleteStep { queue: queue.clone(), receipt_handle: handle.to_owned() };
    let steps = [
        v1::transact_step::Step::Delete(delete),
        v1::transact_step::Step::Send(v1::SendStep {
            queue: queue.clone(),
            message: Some(message),
        }),
    ];
    let steps = steps.into_iter().map(|step| v1::TransactStep { step: Some(step) }).collect();
    request(here, "MessageService/Transact", &v1::TransactRequest { steps })?;
    let create = v1::CreateQueueRequest { queue, ..Default::default() };
    request(here, "QueueService/CreateQueue", &create)
}

fn request(here: &Path, method: &str, message: &impl prost::Message) -> Outcome {
    let input = proto::input_of(&format!("/ledgerq.v1.{method}"), message);
    let name = method.replace('/', "-");
    write(here, "proto", &name, &input.ok_or("there is no such method")?)
}

fn write(here: &Path, target: &str, name: &str, bytes: &[u8]) -> Outcome {
    let dir: PathBuf = here.join("corpus").join(target);
    fs::create_dir_all(&dir)?;
    Ok(fs::write(dir.join(name), bytes)?)
}
