//! Answers that were worked out before, by what was asked: replicas come and go, and
//! each states what the others do.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// How many answers are kept, at most: a few MiB of questions.
const MOST_ANSWERS: usize = 1 << 15;

/// Numbers by what they are the answer to.
#[derive(Default)]
pub(super) struct Remembered {
    answers: HashMap<Box<[u8]>, u32, FixedState>,
    question: Question,
}

/// What is asked, as bytes that no other question has.
#[derive(Default)]
pub(super) struct Question(Vec<u8>);

impl Question {
    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u32);
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn number(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => {
                self.0.push(4);
                self.0.extend_from_slice(&v4.octets());
            }
            IpAddr::V6(v6) => {
                self.0.push(6);
                self.0.extend_from_slice(&v6.octets());
            }
        }
    }
}

impl Remembered {
    /// The answer to what `ask` writes down; `find` finds it, if it is new.
    pub(super) fn answer(
        &mut self,
        ask: impl FnOnce(&mut Question),
        find: impl FnOnce() -> Option<u32>,
    ) -> Option<u32> {
        let question = &mut self.question;
        question.0.clear();
        ask(question);
        if let Some(answer) = self.answers.get(&*question.0) {
            return Some(*answer);
        }
        let answer = find()?;
        if self.answers.len() >= MOST_ANSWERS {
            self.answers.clear();
        }
        self.answers.insert(question.0.as_slice().into(), answer);
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_found_once() {
        let mut remembered = Remembered::default();
        let mut searches = 0;
        for round in 0..3 {
            for number in 0..MOST_ANSWERS as u32 {
                let find = || {
                    searches += 1;
                    Some(number)
                };
                let answer = remembered.answer(|question| question.number(number), find);
                assert_eq!(answer, Some(number), "in round {round}");
            }
        }
        assert_eq!(searches, MOST_ANSWERS);
        let one_more = remembered.answer(|question| question.text("one more"), || Some(7));
        assert_eq!(one_more, Some(7));
        assert_eq!(remembered.answers.len(), 1, "the others have made room");
        let nothing = remembered.answer(|question| question.text("nothing"), || None);
        assert_eq!(nothing, None);
        assert_eq!(remembered.answers.len(), 1);
    }

    #[test]
    fn no_two_questions_are_spelled_alike() {
        let spelled = |ask: &dyn Fn(&mut Question)| {
            let mut question = Question::default();
            ask(&mut question);
            question.0
        };
        let [a, b] = [["ab", "c"], ["a", "bc"]]
            .map(|texts| spelled(&|question| texts.iter().for_each(|text| question.text(text))));
        assert_ne!(a, b);
        let v4 = [IpAddr::from([1, 1, 1, 1]); 4];
        let v6 = [IpAddr::from([1_u8; 16])];
        let [a, b] = [&v4[..], &v6[..]].map(|addresses| {
            spelled(&|question| {
                addresses
                    .iter()
                    .for_each(|address| question.address(*address));
            })
        });
        assert_ne!(a, b);
    }
}
