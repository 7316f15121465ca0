"""Did dialogues reach what they were for, by the rules, and do they go as real ones go?"""
