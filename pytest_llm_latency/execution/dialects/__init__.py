"""Events and answers that are read here: where litellm's parser would lose, delay or guess a part of what was said."""
