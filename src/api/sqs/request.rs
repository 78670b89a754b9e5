//! A request as its action sees it: the parameters, whatever the protocol, and what goes with them.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Settings,
    attention::Attention,
    error::{Fault, Kind},
    outgoing::Handover,
    sigv4,
    urls::{self, Place},
};
use crate::{broker::Handle, types::QueueName};

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// AWS JSON 1.0.
    Json,
    /// A form, answered in XML.
    Query,
}

/// Parameters that were not read yet.
#[derive(Debug)]
pub(super) enum Parameters {
    Json(Bytes),
    Query(Value),
}

/// The region of a client that names none.
const REGION_DEFAULT: &str = "us-east-1";

/// What a request is asked of, by whom, and under which address.
pub(super) struct Call<'a> {
    pub(super) broker: Arc<Handle>,
    pub(super) protocol: Protocol,
    pub(super) settings: &'a Settings,
    pub(super) head: &'a Parts,
    pub(super) attention: &'a Attention,
    /// The access key whose signature was verified.
    pub(super) sender: Option<String>,
}

/// What an action is answered with.
pub(super) struct Answer {
    pub(super) result: Answered,
    /// Leases in the answer, which stay once it is handed to the transport.
    pub(super) handover: Option<Handover>,
}

/// The result, as far as it is made for its protocol.
pub(super) enum Answered {
    /// The action has no result.
    Nothing,
    /// JSON, complete.
    Json(Vec<u8>),
    /// What XML is to be made of.
    Tree(Value),
}

impl Parameters {
    /// The parameters of an action.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, Fault> {
        let read = match self {
            Self::Json(body) if body.is_empty() => serde_json::from_slice(b"{}"),
            Self::Json(body) => serde_json::from_slice(&body),
            Self::Query(tree) => serde_json::from_value(tree),
        };
        read.map_err(|error| {
            let message: String = error.to_string().chars().take(200).collect();
            Fault::new(Kind::Serialization, message)
        })
    }
}

impl Call<'_> {
    /// What the client calls this endpoint.
    pub(super) fn place(&self) -> Place {
        let Settings { is_tls, host, account, .. } = self.settings;
        Place {
            base: urls::base(&self.head.headers, &self.head.uri, *is_tls, host),
            region: sigv4::region(self.head).unwrap_or_else(|| REGION_DEFAULT.to_owned()),
            account: account.clone(),
        }
    }

    /// The queue of the request: by its URL, or else by the path.
    pub(super) fn queue(&self, url: Option<&str>) -> Result<QueueName, Fault> {
        let given = url.filter(|url| !url.is_empty());
        let named = given.or_else(|| urls::queue_of_path(self.head.uri.path()));
        urls::queue_of_url(named.ok_or_else(|| Fault::missing("QueueUrl"))?)
    }

    /// An answer with this result.
    pub(super) fn done(&self, result: &impl Serialize) -> Answer {
        let sound = "a result is maps, lists, texts and numbers";
        let result = match self.protocol {
            Protocol::Json => Answered::Json(serde_json::to_vec(result).expect(sound)),
            Protocol::Query => Answered::Tree(serde_json::to_value(result).expect(sound)),
        };
        Answer { result, handover: None }
    }
}

impl Answer {
    /// That it is done, and nothing else.
    pub(super) fn nothing() -> Self {
        Self { result: Answered::Nothing, handover: None }
    }
}
