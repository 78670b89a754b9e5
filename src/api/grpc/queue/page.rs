//! Pages of queues, for every request that lists some.

use prost::Message;

use super::view;
use crate::{
    api::grpc::token,
    proto::v1,
    types::{QueueView, limits},
};

/// As many of the queues as an answer has room for, and the token of the next page; `more` tells
/// that there are others behind them.
pub(super) fn page(views: &[QueueView], more: bool) -> (Vec<v1::Queue>, String) {
    let mut queues = Vec::with_capacity(views.len());
    let mut bytes = 0;
    for view in views {
        let queue = view::queue(view);
        bytes += queue.encoded_len() as u64;
        // A queue with all the tags that it can have is far smaller than an answer.
        if bytes > limits::RECEIVE_BYTES_MAX {
            break;
        }
        queues.push(queue);
    }
    let is_cut = more || queues.len() < views.len();
    let last = views.get(queues.len().wrapping_sub(1)).filter(|_| is_cut);
    (queues, last.map(|view| token::after_queue(&view.name)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{QueueCounts, QueueId, QueueName, QueueSettings, Timestamp};

    fn view(name: &str, tags: usize) -> QueueView {
        let tags = (0..tags).map(|index| (format!("{index:0>128}"), "\u{1f980}".repeat(256)));
        QueueView {
            name: QueueName::parse(name).expect("it is a name"),
            id: QueueId::new(1),
            settings: QueueSettings { tags: tags.collect(), ..QueueSettings::default() },
            counts: QueueCounts::default(),
            created_at: Timestamp::ZERO,
            modified_at: Timestamp::ZERO,
            sends_paused: false,
            receives_paused: false,
        }
    }

    #[test]
    fn a_page_ends_where_its_queues_do() {
        let views = [view("a", 0), view("b", 0)];
        let (queues, token) = page(&views, false);
        assert_eq!((queues.len(), token.as_str()), (2, ""));
        let (_, token) = page(&views, true);
        assert_eq!(token::open_queue(&token), Ok(Some(views[1].name.clone())));
        assert_eq!(page(&[], false), (Vec::new(), String::new()));
    }

    #[test]
    fn a_page_is_cut_where_an_answer_has_no_more_room() {
        let views: Vec<_> = (0..100).map(|index| view(&format!("q{index:0>3}"), 50)).collect();
        let (queues, token) = page(&views, false);
        let bytes: usize = queues.iter().map(Message::encoded_len).sum();
        assert!(bytes as u64 <= limits::RECEIVE_BYTES_MAX);
        assert!(queues.len() > 40);
        assert_eq!(token::open_queue(&token), Ok(Some(views[queues.len() - 1].name.clone())));
    }
}
