"""How much does synthetic data look like the real data it stands for?"""
