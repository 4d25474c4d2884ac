"""Fresh kernels, quickly: a papermill engine, and the server that its kernels are forked from.

Nothing is imported here: the server is to be started before Jupyter is imported.
"""
