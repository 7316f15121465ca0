"""Is a model, a query or a conclusion from synthetic data as good as one from real data?"""
